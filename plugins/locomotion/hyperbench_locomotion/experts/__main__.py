"""Train and export experts: ``python -m hyperbench_locomotion.experts train cheetah-speed``."""

from hyperbench_locomotion.experts.train import main

main()
