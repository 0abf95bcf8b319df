"""The waiting room of the whole team, and each agent's own."""
