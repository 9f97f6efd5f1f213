"""A client that is interrupted again and again, at moments that a seed picks: ``python interrupted.py SEED HITS``.

Prints ``begun``, and ``HITS usable`` when the session has stood it all and nothing is left behind.
"""

import gc
import random
import signal
import sys
import time

import farptr as fp
from farptr.client import interrupts

LATEST_S = 0.004
PATIENCE_S = 60.0


def work(julie, toby, sim):
    p = fp.tensor([1, 2, 3]).send(julie)
    q = p + p
    pp = q.send(toby)
    pp.get()
    assert (p * 2).get().tolist() == [2, 4, 6]
    p.move(toby)
    p.get_copy()
    sim.sync()
    fp.combine_pointers(p, p.clone()).get_copy()
    p.get()


def main(seed, wanted, handler):
    rng = random.Random(seed)
    hits = 0
    deadline_s = time.monotonic() + PATIENCE_S
    with fp.up("julie", "toby") as sim:
        julie, toby = sim
        print("begun", flush=True)
        while hits < wanted:
            assert time.monotonic() < deadline_s, f"only {hits} interrupts"
            try:
                try:
                    signal.signal(signal.SIGALRM, handler)
                    signal.setitimer(signal.ITIMER_REAL, rng.random() * LATEST_S)
                    work(julie, toby, sim)
                finally:
                    signal.signal(signal.SIGALRM, signal.SIG_IGN)
            except KeyboardInterrupt:
                hits += 1
            assert (fp.tensor([hits]).send(toby) + 1).get() == hits + 1
        gc.collect()
        sim.sync()
        assert not julie._objects, julie._objects
        assert not toby._objects, toby._objects
        print(hits, "usable")


def plain(number, frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), plain if "plain" in sys.argv else interrupts.handle)
