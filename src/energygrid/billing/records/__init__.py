"""Bills, payment plans and account terminations as utilities deliver them."""
