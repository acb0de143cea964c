"""What every HTTP handler needs: who calls, the body, the problem, the JSON response."""
