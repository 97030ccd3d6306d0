"""What searches may try: plain define-by-run functions, which Optuna and Ray Tune's OptunaSearch take as they are."""
