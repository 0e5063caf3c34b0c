"""python -m fastbp.cli"""

from fastbp.cli import main

main()
