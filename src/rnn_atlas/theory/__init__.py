"""Mean field and closed forms: numpy and scipy only, knows no kernel."""
