"""One file a package manager: NAME, and `packages`, which reads its records of a tree.

Managers are asked in the order of their RANK; a file belongs to the first package that names it.
"""
