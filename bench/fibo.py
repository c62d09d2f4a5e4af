"""The work of the public comparisons of orchestrators: Fibonacci numbers by plain recursion."""


def fibo(n: int) -> int:
    return n if n <= 1 else fibo(n - 1) + fibo(n - 2)


def ten() -> None:
    fibo(10)


def thirty_three() -> None:
    fibo(33)
