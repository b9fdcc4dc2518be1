"""Messages to replies: the routes of the check listener."""
