from tests.infra.hcl import INFRA
from tests.infra.terraform import terraform


def test_the_files_are_formatted():
    result = terraform("fmt", "-check", "-recursive", "-diff", cwd=INFRA)
    assert result.returncode == 0, result.stdout + result.stderr
