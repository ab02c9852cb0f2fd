"""HyPoGen and the methods it is compared with, one readable file each."""
