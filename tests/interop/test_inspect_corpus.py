"""`altostac inspect` over every file of the corpus: output or one line that says why not, within 5 s and 200 MB.

`--kerchunk` is judged by the same rules in test_index_corpus.py.
"""

import pytest

import corpus


@pytest.mark.parametrize("options", ((), ("--json",)), ids=lambda options: " ".join(options) or "text")
@pytest.mark.parametrize("folder", corpus.FOLDERS)
def test_output_or_one_line(shared, tmp_path, folder, options):
    found = corpus.files(folder)
    assert found
    answers = corpus.inspected(found, options, tmp_path)
    wrong = [f"inspect {one.path} {' '.join(options)}: {fault}" for one in answers for fault in one.faults(bool(options))]
    assert wrong == []
