"""What students' and teachers' servers have in common. The teacher's course folder adds its own root."""

import os

c = get_config()

c.CourseDirectory.course_id = "lstm"
# A folder that everybody may write to (mode 2777), on every machine of the hub under the same name.
c.Exchange.root = os.environ.get("HUB_EXCHANGE", "/srv/nbgrader/exchange")
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}  # the line below names the task, and stays
