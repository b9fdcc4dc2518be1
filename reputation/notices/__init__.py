"""What happened that people should know: found clusters, surges, lost state; and its delivery to webhooks."""
