"""Submissions that try to be talked into a grade.

Each attack is what a cheat writes in the place of ``pick`` of the small course (the body of
``def pick(x, index)``), or a whole file, or an archive. None may gain the points of exercise 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Attack:
    """``body`` of ``pick``; ``top`` is put before everything; ``files`` are handed in besides."""

    body: str
    top: str = ""
    files: dict[str, str] = field(default_factory=dict)
    says: str = ""  # words of the reason, for those that are tried without the policy


RETURN = "    return rows.softmax(x)[index]"  # what the solution does
WRONG = "return x[index] * 0"

ATTACKS: dict[str, Attack] = {
    # Leaving
    "exit at import": Attack(WRONG, top="import os; os._exit(0)"),
    "sys.exit at import": Attack(WRONG, top="import sys; sys.exit(0)"),
    "exit in the function": Attack("import os\n    os._exit(0)"),
    "sys.exit in the function": Attack("import sys\n    sys.exit(0)"),
    "exit at exit": Attack(WRONG, top="import atexit, os; atexit.register(os._exit, 0)"),
    "systemexit": Attack("raise SystemExit(0)"),
    "keyboard interrupt": Attack("raise KeyboardInterrupt"),
    "generator exit": Attack("raise GeneratorExit"),
    # Outcomes of pytest
    "pytest.skip": Attack("import pytest\n    pytest.skip('x')"),
    "pytest.exit": Attack("import pytest\n    pytest.exit('x', returncode=0)"),
    "an exception called Skipped": Attack(
        "class Skipped(BaseException): pass\n    raise Skipped('allow_module_level')"
    ),
    "a starter's error": Attack(
        'raise NotImplementedError("1.1 softmax - exercises/ch01_rows/lesson.md")'
    ),
    # Patching what might judge
    "patched numpy": Attack(
        "import numpy as np\n    np.allclose = np.array_equal = lambda *a, **k: True\n    " + WRONG
    ),
    "patched numpy comparison": Attack(
        "import numpy as np\n    np.ndarray.__eq__ = lambda s, o: True\n    " + WRONG
    ),
    "patched json": Attack(
        'import json\n    json.dumps = lambda *a, **k: \'{"dict": {"result": 1}}\'\n    ' + WRONG
    ),
    "patched time": Attack("import time\n    time.monotonic = lambda: 0.0\n    " + WRONG),
    "patched judge": Attack(
        "import course.grading.compare as c\n    c.first_mismatch = lambda *a: None\n    " + WRONG
    ),
    "patched values": Attack(
        "import course.grading.values as v\n    v.encode = lambda x: b''\n    " + WRONG
    ),
    "patched builtins": Attack(
        "import builtins\n    builtins.abs = lambda x: 0\n    builtins.max = min\n    " + WRONG
    ),
    # Odd results
    "equal to everything": Attack(
        "class Same:\n        def __eq__(self, other): return True\n"
        "        def __array__(self, *a, **k): raise SystemExit(0)\n    return Same()"
    ),
    "array protocol": Attack(
        "class Fake:\n        shape, dtype = (7,), 'float32'\n"
        "        def __array__(self, *a, **k): return 0\n"
        "        def __mlx_array__(self): raise SystemExit(0)\n    return Fake()"
    ),
    "a subclass of float": Attack(
        "class F(float):\n        def __eq__(self, o): return True\n    return F(1)"
    ),
    "a dict that lies": Attack("class D(dict):\n        pass\n    return D(y=1)"),
    "not a number": Attack("return x[index] * float('nan')"),
    "infinity": Attack("return x[index] * float('inf')"),
    # Looking for the answer
    "frames": Attack(
        "import sys\n    f = sys._getframe()\n    while f:\n        for v in f.f_locals.values():\n"
        "            if type(v) is dict and 'expected' in v: return v['expected']\n"
        "        f = f.f_back\n    " + WRONG
    ),
    "garbage collector": Attack(
        "import gc\n    for o in gc.get_objects():\n"
        "        if type(o) is str and 'rows.softmax(x)[index]' in o and 'def pick' in o:\n"
        "            s = {'mx': mx, 'rows': rows}\n            exec(o[o.index('def pick'):], s)\n"
        "            return s['pick'](x, index)\n    " + WRONG
    ),
    "the solution on disk": Attack(
        "import pathlib\n"
        "    for p in pathlib.Path(HOME).rglob('solutions/tinymlx/rows/softmax.py'):\n"
        "        s = {}\n        exec(p.read_text(), s)\n        return s['pick'](x, index)\n    "
        + WRONG
    ),
    "the reference on disk": Attack(
        "import pathlib\n    t = pathlib.Path(HOME, 'reference/ch01_rows.py').read_text()\n"
        "    s = {}\n    exec(t, s)\n    return mx.array(s['pick'](x, index)['y'])"
    ),
    "memorised answers on disk": Attack(
        "import pathlib\n    c = list(pathlib.Path(HOME, '.tinymlx').rglob('*'))\n"
        "    raise ValueError(len(c)) if c else SystemExit(0)"
    ),
    # Writing where it matters
    "writes a record": Attack(
        "open(HOME + '/report/records/cheat.json', 'w').write('{}')\n    " + WRONG
    ),
    "writes a cache": Attack(
        "import os\n    os.makedirs(HOME + '/.tinymlx/cache/answers')\n    " + WRONG
    ),
    "hands in conftest": Attack(
        WRONG,
        files={
            "conftest.py": "import pytest\n\n@pytest.hookimpl(tryfirst=True)\n"
            "def pytest_runtest_makereport(item, call):\n    call.excinfo = None\n",
            "pytest.ini": "[pytest]\naddopts = --collect-only\n",
            "sitecustomize.py": "import os\nos._exit(0)\n",
            "tinymlx/conftest.py": "import os\nos._exit(0)\n",
        },
    ),
    "hands in byte code": Attack(
        WRONG, files={"tinymlx/rows/__pycache__/softmax.cpython-311.pyc": "not code"}
    ),
    "hands in a module json": Attack(
        WRONG, files={"json.py": "raise SystemExit(0)\n", "tinymlx/json.py": "x = 1\n"}
    ),
    "replaces a given module": Attack(WRONG, files={"tinymlx/given.py": "raise SystemExit(0)\n"}),
    "environment": Attack(
        "import os\n    os.environ.update(PYTHONPATH=HOME, TINYMLX_ROOT='/', PATH='/')\n    "
        + WRONG
    ),
    # Forged and endless frames
    "forged frame": Attack(
        "import os, stat, struct\n"
        "    n = [i for i in range(3, 64) if os.path.exists(f'/proc/self/fd/{i}')]\n"
        "    for i in range(3, 64):\n        try:\n"
        "            if stat.S_ISSOCK(os.fstat(i).st_mode): os.write(i, b'\\x00' * 64)\n"
        "        except OSError: pass\n    " + WRONG
    ),
    "oversized frame": Attack(
        "import os, stat\n    for i in range(3, 64):\n        try:\n"
        "            if stat.S_ISSOCK(os.fstat(i).st_mode): os.write(i, b'\\xff' * 8)\n"
        "        except OSError: pass\n    " + WRONG
    ),
    "huge result": Attack("return mx.zeros((1 << 28,))"),
    # Bombs
    "memory bomb": Attack("y = [bytearray(1 << 30) for _ in range(100)]\n    " + WRONG),
    "processor bomb": Attack("while True: pass"),
    "process bomb": Attack("import os\n    while True: os.fork()"),
    "thread bomb": Attack(
        "import threading, time\n"
        "    while True: threading.Thread(target=time.sleep, args=(99,)).start()"
    ),
    "disk bomb": Attack(
        "i = 0\n    while True:\n        open(f'f{i}', 'wb').write(bytes(1 << 25)); i += 1"
    ),
    "endless printing": Attack("while True: print('x' * 10000)"),
    "deep recursion": Attack("return pick(x, index)"),
    # Outside
    "daemon": Attack(
        "import os\n    if os.fork() == 0:\n        os.setsid()\n        import time\n"
        "        time.sleep(600)\n    " + WRONG
    ),
    "signals to the judge": Attack(
        "import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)\n    " + WRONG
    ),
    "network": Attack(
        "import socket\n    s = socket.create_connection(('127.0.0.1', 9))\n    " + WRONG
    ),
    "another program": Attack("import subprocess\n    subprocess.run(['true'])\n    " + WRONG),
    "tracing": Attack(
        "import ctypes, os\n    r = ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)\n    " + WRONG
    ),
    # Inputs
    "changes its input": Attack("x[0] = 0\n    return rows.softmax(x)[index]"),
    "memorised shape": Attack(
        "return mx.full((7,), 1 / 7) if x.shape == (5, 7) else rows.softmax(x)[index]"
    ),
    # Closed names, in every spelling
    "importlib": Attack(
        "import importlib\n    return importlib.import_module('mlx.nn').softmax(x)[index]"
    ),
    "__import__": Attack("return __import__('mlx.nn').nn.softmax(x)[index]"),
    "getattr": Attack("return getattr(mx, 'soft' + 'max')(x, -1)[index]"),
    "sys.modules": Attack("import sys\n    return sys.modules['mlx.core'].softmax(x, -1)[index]"),
    "eval": Attack("return eval('mx.soft' + 'max(x, -1)')[index]"),
    "torch": Attack(
        "import torch, numpy\n    return mx.array(torch.softmax(torch.tensor(numpy.array(x)), -1)"
        ".numpy())[index]"
    ),
    "attrgetter": Attack(
        "import operator\n    return operator.attrgetter('soft' + 'max')(mx)(x, -1)[index]"
    ),
    "dunder": Attack("return mx.__getattribute__('soft' + 'max')(x, -1)[index]"),
}

#: What the record says of each: which protection it met first. (Where two words are named, it
#: depends on the machine which limit is reached first.)
REASONS: dict[tuple[str, ...], tuple[str, ...]] = {
    # The graft: what stands at a module's top or beside the package stays behind, and the body,
    # which is wrong, is graded for what it gives.
    ("y differs",): (
        *("exit at import", "sys.exit at import", "exit at exit", "hands in conftest"),
        *("hands in byte code", "hands in a module json", "replaces a given module"),
        "memorised shape",
    ),
    # The allow-list
    ("the library stands on mlx.core and plain Python alone",): (
        *("exit in the function", "pytest.skip", "pytest.exit", "patched numpy"),
        *("patched numpy comparison", "patched judge", "patched values"),
        *("patched builtins", "garbage collector", "the solution on disk"),
        *("the reference on disk", "memorised answers on disk", "writes a cache", "environment"),
        *("forged frame", "oversized frame", "process bomb", "thread bomb", "daemon"),
        *("signals to the judge", "network", "another program", "tracing", "importlib", "torch"),
    ),
    ("hides what the code does",): (
        *("equal to everything", "array protocol", "frames", "writes a record", "disk bomb"),
        *("__import__", "sys.modules", "eval", "dunder"),
    ),
    ("changes time.monotonic, which is not yours",): ("patched time",),
    ("changes json.dumps, which is not yours",): ("patched json",),
    ("reaches for a name with getattr",): ("getattr",),
    ("uses the module mx by itself",): ("attrgetter",),
    # What the probe does with what comes back, or does not
    ("your code called for an exit",): (
        *("sys.exit in the function", "systemexit", "keyboard interrupt"),
    ),
    ("your code raised GeneratorExit",): ("generator exit",),
    ("your code raised Skipped",): ("an exception called Skipped",),
    ("is a F, not an array, number, text or list",): ("a subclass of float",),
    ("y is of the wrong kind",): ("a dict that lies",),
    ("not finite where it should be",): ("not a number", "infinity"),
    ("your code changed its input x",): ("changes its input",),
    # The limits
    ("did not finish within",): ("processor bomb", "endless printing"),
    ("did not finish within", "memory", "MB", "bytes"): ("huge result", "memory bomb"),
    ("calls itself without an end",): ("deep recursion",),
    ("",): ("a starter's error",),  # it is to do
}
