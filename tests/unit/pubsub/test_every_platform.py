"""The broker runs on Windows and macOS by design: it uses nothing that Linux alone has."""

import ast

import pytest

from emulator.bootstrap import ROOT

PACKAGE = ROOT / "emulator" / "pubsub"
LINUX_ONLY = PACKAGE / "doors" / "splice.py"
FILES = sorted(set(PACKAGE.rglob("*.py")) - {LINUX_ONLY})

# Modules that Python has on POSIX or Linux only: https://docs.python.org/3/library/unix.html
MODULES = {"curses", "fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios"} | {
    *("crypt", "nis", "posix", "spwd", "tty", "uvloop", "prctl", "pyinotify")
}
# What modules that exist everywhere have on POSIX or Linux only.
NAMES = (
    {"SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGALRM", "SIGPIPE"}
    | {"alarm", "setitimer", "pthread_kill", "pthread_sigmask", "sigwait"}
    | {"add_signal_handler", "remove_signal_handler", "add_child_handler"}
    | {"fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid", "killpg", "setsid", "chroot"}
    | {"sched_getaffinity", "sched_setaffinity", "mkfifo", "openpty", "sendfile", "uname", "wait4"}
    | {"AF_UNIX", "AF_NETLINK", "SO_REUSEPORT", "socketpair", "start_unix_server"}
    | {"open_unix_connection", "memfd_create", "getxattr", "setxattr", "pidfd_open", "eventfd"}
    | {"preexec_fn", "start_new_session", "pass_fds"}
)


def not_everywhere(tree):
    """Return what a module uses that some platforms lack."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {each.name.partition(".")[0] for each in names} & MODULES
            case ast.ImportFrom(module=str(module), names=names):
                found |= {module.partition(".")[0]} & MODULES
                found |= {each.name for each in names} & NAMES
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                found |= {name} & NAMES
            case ast.Constant(value=str(text)):
                found |= {text} & {"/dev/shm", "/tmp", "/proc/self"}  # noqa: S108 - only named
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_uses_nothing_that_linux_alone_has(file):
    assert not not_everywhere(ast.parse(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_names_the_encoding_of_every_text_file(file):
    """Without it, Windows takes another one than Linux."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr="read_text" | "write_text")):
                assert any(each.arg == "encoding" for each in node.keywords), node.lineno


def test_what_is_for_linux_alone_is_imported_there_alone():
    name = "emulator.pubsub.doors.splice"
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in FILES]
    guarded = [
        found
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "sys.platform == 'linux'"
        for found in imports_of(name, ast.Module(node.body, []))
    ]
    assert guarded
    assert guarded == [found for tree in trees for found in imports_of(name, tree)]


def imports_of(module, tree):
    """Return the lines that import a module."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
    ]


@pytest.mark.parametrize(
    "line",
    [
        "import fcntl",
        "from resource import getrusage",
        "signal.signal(signal.SIGHUP, stop)",
        "from signal import SIGUSR1",
        "loop.add_signal_handler(2, stop)",
        "subprocess.Popen(command, start_new_session=True)",
        "Path('/proc/self')",
    ],
)
def test_what_is_forbidden_is_found(line):
    assert not_everywhere(ast.parse(line))
