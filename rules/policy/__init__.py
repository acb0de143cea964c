"""Policy packs and the decisions they give."""
