"""The catalogue as a Dagster resource: the home's store in SQL, for anyone's asset."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from dagster_duckdb import DuckDBResource

from feature_store.catalog import serve
from quant_resources.dagster.platform import Platform


class Catalogue(DuckDBResource):
    """Connections in memory with the views and macros of every stored dataset; see `feature_store.catalog.serve`.

    ```python
    @dg.asset
    def movers(catalogue: Catalogue) -> pl.DataFrame:
        with catalogue.get_connection() as connection:
            return connection.sql("SELECT * FROM market_bars(TIMESTAMPTZ '2017-03-06 14:00+00')").pl()
    ```

    What an asset creates lives in memory and is gone with the connection.

    Attributes:
        home: folder of the store and its choice of profile.
    """

    home: str
    database: str = ":memory:"

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with super().get_connection() as connection:
            try:
                store = Platform(home=self.home).store()
                serve(connection, store, store.datasets)
                yield connection
            finally:
                connection.close()  # which the one above leaves open after an error
