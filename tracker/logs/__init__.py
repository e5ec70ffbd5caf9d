"""How processes log: lines, what they are about, secrets left out, repetitions held back."""
