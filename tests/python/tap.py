# SPDX-License-Identifier: 0BSD
"""tap.py FILE...: runs tests of pytest, which has no TAP of its own, and prints TAP."""

import os
import sys

import pytest


class Tap:
    """What the driver of Automake reads; pytest catches what the tests print."""

    def __init__(self):
        self.out = os.fdopen(os.dup(1), 'w', buffering=1)
        self.number = 0

    def line(self, ok, name, directive=''):
        self.number += 1
        self.out.write('%s %d - %s%s\n' % (ok, self.number, name, directive))

    def explain(self, text):
        self.out.writelines('# %s\n' % line for line in text.splitlines())

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split('::', 1)[-1]
        if report.failed:
            self.line('not ok', '%s (%s)' % (name, report.when))
            self.explain(report.longreprtext)
        elif report.skipped:
            self.line('ok', name, ' # SKIP %s' %
                      report.longrepr[2].replace('Skipped: ', ''))
        elif report.when == 'call':
            self.line('ok', name)

    def pytest_collectreport(self, report):
        if report.failed:
            self.line('not ok', report.nodeid)
            self.explain(report.longreprtext)

    def pytest_sessionfinish(self):
        self.out.write('1..%d\n' % self.number)


sys.exit(pytest.main(['-p', 'no:cacheprovider', '-p', 'no:terminal',
                      '-c', os.devnull, '--rootdir', os.path.dirname(__file__),
                      *sys.argv[1:]], plugins=[Tap()]))
