"""The parts that every tool is made of."""
