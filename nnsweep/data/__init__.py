"""Where examples come from: loaders, splits and the digest of what was loaded."""
