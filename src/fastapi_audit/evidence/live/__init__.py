"""What the running application says of itself."""
