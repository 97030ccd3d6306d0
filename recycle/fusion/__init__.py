"""How predictions of several models become one."""
