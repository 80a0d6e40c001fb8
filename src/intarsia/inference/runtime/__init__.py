"""Networks of other runtimes: a predictor written as a file, the gate that such a file must pass, and the engine that runs it."""
