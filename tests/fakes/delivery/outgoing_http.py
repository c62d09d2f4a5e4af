"""HTTP requests that stay in memory."""

from application.ports.delivery.outgoing_http import OutgoingRequest, OutgoingResponse


class FakeOutgoingHttp:
    """`sent` are the requests in order. `outcomes` are the responses to the next ones, or what they raise; then each gets a 200."""

    def __init__(self) -> None:
        self.sent: list[OutgoingRequest] = []
        self.outcomes: list[OutgoingResponse | Exception] = []

    async def send(self, request: OutgoingRequest) -> OutgoingResponse:
        self.sent.append(request)
        outcome = self.outcomes.pop(0) if self.outcomes else OutgoingResponse(200, {}, b"")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        return None
