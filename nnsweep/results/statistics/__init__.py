"""Statistics: what runs that were repeated say about configurations, and how sure that is."""
