"""Speed and memory, measured beside other implementations. See README.md in this folder."""
