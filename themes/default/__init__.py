"""The look every other theme starts from."""
