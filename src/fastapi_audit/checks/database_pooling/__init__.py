"""Item 3: Database pooling."""
