"""An API like ESGF's: writes are queued (202) and seen some looks later, deleted is retracted, collections are others' matter."""

from small_api import SmallApi


class QueueingApi(SmallApi):
    """A queued write is done when its record was looked at `looks` times since."""

    def __init__(self, looks=2, token=None):
        super().__init__()
        self.looks, self.token, self.queue = looks, token, {}

    def handle(self, request):
        if request.writes and self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"detail": "Not authenticated"}
        if request.writes and request.pieces[2:3] != ["items"]:
            return 405, {"detail": "Method Not Allowed: collections are made by the project's office"}
        return super().handle(request)

    def read(self, request):
        waiting = self.queue.get(request.path)
        if waiting:
            waiting[0] -= 1
            if waiting[0] <= 0:
                del self.queue[request.path]
                waiting[1]()
        return super().read(request)

    def change(self, request, path):
        def done():
            if request.method == "DELETE":
                self.records[path] = {**self.records[path], "properties": {**self.records[path]["properties"], "retracted": True}}
            else:
                self.records[path] = request.json

        self.queue[path] = [self.looks, done]
        return 202, {"detail": "queued for publication"}
