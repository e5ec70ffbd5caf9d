"""What an operator asks: is it delivering, to how many, how late, and if not, why.

`instruments` are the numbers, `sampler` brings them up to date from the plain
ones that hub, relay and feed count by themselves, `collector` adds what is found
out when somebody asks, and writes all of it as Prometheus reads it.

The trap is several web processes: any of them may be asked, and answers for
all. So each keeps its numbers in a file of its own, which gunicorn.conf.py
arranges before `prometheus_client` is first imported.
docs/operations.md has a table of all of them, which a test holds to the truth.
"""
