"""What if: a recorded run on another network, re-timed by the model that a virtual run would have had."""
