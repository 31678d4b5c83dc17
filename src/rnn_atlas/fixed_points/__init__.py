"""Fixed points of one network: searched for, certified one by one, and audited as a set."""
