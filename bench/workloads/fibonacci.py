"""The workload of public comparisons of orchestrators: Fibonacci numbers by plain recursion."""


def fibonacci(n: int) -> int:
    return n if n <= 1 else fibonacci(n - 1) + fibonacci(n - 2)


def ten() -> None:
    fibonacci(10)


def thirty_three() -> None:
    fibonacci(33)
