"""What an operator asks: is it delivering, to how many, how late, and if not, why.

    instruments     numbers noted as things happen
    sampler         numbers that hub, relay and feed count by themselves
    process_stats   memory, CPU and descriptors
    collector       all of these, and those in Redis, at each scrape
    multiproc_dir   where several web processes keep their numbers for each other
    readiness       the checks of /readyz

docs/operations.md has a table of all metrics, which a test holds to the truth.
"""
