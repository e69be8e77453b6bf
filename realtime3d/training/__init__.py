"""How the default face model and nets come to be: everything here needs the `[train]` extra and no part of it runs
in the tracker."""
