"""A private RabbitMQ on loopback: a broker that is not ours."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pika

import certificates
from pgstac import free_port
from program import wait_until

# Debian's own scripts change the user and ask for a log folder of the system: those below do not.
SCRIPTS = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))


class Broker:
    """A node of its own in a temporary folder, run as the user rabbitmq when the tests run as root. Its queues outlive a restart."""

    user, password = "archive", "not: a secret@all"

    def __init__(self):
        assert SCRIPTS, "no RabbitMQ in /usr/lib/rabbitmq: tests/run installs one"
        self.folder = Path(tempfile.mkdtemp(prefix="altostac-rabbit-"))
        self.port, self.tls_port, self.epmd = free_port(), free_port(), free_port()
        self.authority = self.folder / "ca.pem"
        certificates.make(self.folder)
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbit.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlisteners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
            f"ssl_options.cacertfile = {self.folder}/ca.pem\nssl_options.certfile = {self.folder}/server.pem\n"
            f"ssl_options.keyfile = {self.folder}/server.key\nssl_options.verify = verify_none\n"
            f"default_user = {self.user}\ndefault_pass = {self.password}\n"
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 1MB\n")
        self.as_rabbit = []
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "rabbitmq", "rabbitmq")
            self.as_rabbit = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]
        self.process = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def environment(self):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("RABBITMQ_")}
        return kept | {
            "HOME": str(self.folder), "LANG": "C.UTF-8", "RABBITMQ_NODENAME": f"altostac{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"), "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_DIST_PORT": str(free_port()), "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbit.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"), "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "generated"),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(self.epmd)}

    def start(self):
        with open(self.folder / "out", "a") as out:
            self.process = subprocess.Popen([*self.as_rabbit, SCRIPTS[-1] / "rabbitmq-server"], cwd=self.folder, env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        assert wait_until(self._answers, 120), (self.folder / "out").read_text()

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "out").read_text()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2):
                pass
            self.connect().close()
            return True
        except (OSError, pika.exceptions.AMQPError):
            return False

    def end(self):
        """Stops the node as a service manager does; its queues stay on disk."""
        if self.process and self.process.poll() is None:
            # The script runs Erlang below a shell: both are told.
            subprocess.run([*self.as_rabbit, SCRIPTS[-1] / "rabbitmqctl", "--quiet", "shutdown", "--timeout", "60"], cwd=self.folder,
                           env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def restart(self):
        self.end()
        self.start()

    def stop(self):
        self.end()
        subprocess.run(["epmd", "-port", str(self.epmd), "-kill"], env=self.environment, capture_output=True, timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self):
        credentials = pika.PlainCredentials(self.user, self.password)
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, credentials=credentials, heartbeat=0,
                                                                 socket_timeout=10))

    def url(self, tls=False):
        return f"amqps://127.0.0.1:{self.tls_port}" if tls else f"amqp://127.0.0.1:{self.port}"

    def send(self, bodies, exchange):
        """Publishes persistent messages, and returns when the broker has them all."""
        connection = self.connect()
        channel = connection.channel()
        channel.confirm_delivery()
        durable = pika.BasicProperties(delivery_mode=2)
        for body in bodies:
            channel.basic_publish(exchange, "deposit", body if isinstance(body, bytes) else body.encode(), durable)
        connection.close()

    def exchange(self, name, queue):
        """A durable exchange with a durable queue behind it, as a deposit server has one: nothing is lost while nobody listens."""
        connection = self.connect()
        channel = connection.channel()
        channel.exchange_declare(name, "fanout", durable=True)
        connection.close()
        return {"exchange": name, "queue": queue}

    def messages(self, queue):
        """How many messages wait in a queue that nobody has taken; None if there is no such queue."""
        connection = self.connect()
        try:
            return connection.channel().queue_declare(queue, passive=True).method.message_count
        except pika.exceptions.ChannelClosedByBroker:
            return None
        finally:
            connection.close()
