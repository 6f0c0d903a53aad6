"""What somebody calls from Python or types as a command, a function each: sweep, load, report, export, verify, predict."""
