"""What writes the page, in a process of its own: `admin.desk` starts it, and nothing that serves imports it."""
