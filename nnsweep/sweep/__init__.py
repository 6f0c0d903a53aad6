"""From configuration to finished jobs: checking, running and naming them."""
