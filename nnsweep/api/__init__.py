"""What somebody calls from Python or as a command, a function each: sweep, load, report, export, verify, predict."""
