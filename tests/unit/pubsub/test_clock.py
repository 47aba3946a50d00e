from emulator.pubsub.clock import steady_clock


class Machine:
    """Its two clocks."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_700_000_000.0, 50.0
        self.clock = steady_clock(lambda: self.wall, lambda: self.steady)

    def work(self, seconds) -> None:
        self.wall += seconds
        self.steady += seconds

    def sleep(self, seconds) -> None:
        self.wall += seconds


def test_the_clock_tells_the_time_of_the_wall():
    machine = Machine()
    assert machine.clock() == 1_700_000_000
    machine.work(5)
    assert machine.clock() == 1_700_000_005


def test_the_clock_goes_on_while_the_machine_sleeps():
    machine = Machine()
    machine.clock()
    machine.sleep(3_600)
    machine.work(5)
    assert machine.clock() == 1_700_003_605


def test_the_clock_never_goes_back():
    machine = Machine()
    machine.clock()
    machine.wall -= 3_600
    assert machine.clock() == 1_700_000_000
    machine.work(5)
    assert machine.clock() == 1_700_000_005
