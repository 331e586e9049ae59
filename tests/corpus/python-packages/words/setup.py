from setuptools import setup

setup(name="words", version="0.3", py_modules=["words"])
