"""JupyterHub for one machine with an account for each student; tried by ``python -m exercises.hub.try_hub``.

Start it as root from an environment that has ``jupyterhub jupyterlab nbgrader==0.9.6`` and this repository:
``jupyterhub -f jupyterhub_config.py``. The exchange is a folder; nbgrader_config.py says where.
"""

import os
from pathlib import Path

c = get_config()

c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # a web server with TLS stands in front of it
c.JupyterHub.hub_bind_url = "http://127.0.0.1:8081"
# Accounts of the machine (PAM): who is a student is said here and nowhere else.
c.Authenticator.allowed_users = set(os.environ.get("HUB_STUDENTS", "").split())
c.Authenticator.admin_users = set(os.environ.get("HUB_TEACHERS", "").split())

c.Spawner.default_url = "/lab"
c.Spawner.http_timeout = 120
c.Spawner.start_timeout = 120
# Where nbgrader_config.py is, and one thread a student: thirty notebooks share the cores.
c.Spawner.environment = {
    "JUPYTER_CONFIG_PATH": str(Path(__file__).resolve().parent),
    "LSTMLAB_BACKEND": "numpy",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
