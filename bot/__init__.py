"""The shell: everything that touches the world. The brain stands in skills/."""
