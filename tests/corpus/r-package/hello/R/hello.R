hello <- function() cat("hello from R\n")
