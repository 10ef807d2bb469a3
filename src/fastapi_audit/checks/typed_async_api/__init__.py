"""Item 17: Typed, async-native API."""
