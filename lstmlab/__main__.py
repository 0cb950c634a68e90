"""``python -m lstmlab`` prints what this process computes with."""

from lstmlab.config import show_config

if __name__ == "__main__":
    show_config()
