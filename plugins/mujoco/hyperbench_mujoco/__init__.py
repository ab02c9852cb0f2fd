"""What worlds on MuJoCo share; a library, which registers nothing."""
