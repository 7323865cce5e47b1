from energygrid.cli import main

main()
