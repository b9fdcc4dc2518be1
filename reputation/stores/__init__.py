"""Where state outlives the process: memory alone, a SQLite file, Redis or Valkey."""
